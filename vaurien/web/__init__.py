"""What the HTTP APIs share: a server that no client can harm, a guard at its door, and the reading of bodies."""
