"""What the computer does for the other rooms: files, memory, processes, batches and interrupts."""
