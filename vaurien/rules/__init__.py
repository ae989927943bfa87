"""What is armed: the text that arms, the rules it becomes, what they are aimed at, and which one an exchange draws."""
