"""What is about HTTP: a server that no client can harm, a guard at its door, bodies, and requests of our own."""
