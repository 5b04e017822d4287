package flash

// Abandon lets go of the file as the loss of power does: nothing more is written.
func Abandon(f *File) error { return f.file.Close() }
