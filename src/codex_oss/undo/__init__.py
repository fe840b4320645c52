"""What turns changed on disk, remembered so that it can be taken back."""
