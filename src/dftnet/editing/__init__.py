"""What the product does: who is asked for what, and the photo, folder or clip that comes back."""
