"""What is written to disk: pictures, numbers, films; whole or not at all."""
