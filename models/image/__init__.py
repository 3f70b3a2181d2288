"""Models for images, beside numbers and categories where there are some."""
