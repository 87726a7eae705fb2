"""What makes the generated pages of the documentation, and checks what was built."""
