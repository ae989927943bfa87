"""What every command stands on: its parser, what it prints, how it logs and how it ends."""
