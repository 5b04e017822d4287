package qr

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
)

// maxScans is how many scans a JPEG file may have: each goes over the whole picture again, however few bytes it has. Our choice: a
// progressive one of a camera or of libjpeg has ten or so (ITU-T T.81, Section G.1).
const maxScans = 64

// ErrFormat is returned for a file that is neither a PNG nor a JPEG picture.
var ErrFormat = errors.New("it is neither a PNG nor a JPEG picture")

// A format is one in which pictures come.
type format struct {
	magic  string
	config func(b []byte) (image.Config, error)
	decode func(b []byte) (image.Image, error)
}

var formats = []format{
	{"\x89PNG\r\n\x1a\n",
		func(b []byte) (image.Config, error) { return png.DecodeConfig(bytes.NewReader(b)) },
		func(b []byte) (image.Image, error) { return png.Decode(bytes.NewReader(b)) }},
	{"\xff\xd8",
		func(b []byte) (image.Config, error) { return jpeg.DecodeConfig(bytes.NewReader(b)) },
		func(b []byte) (image.Image, error) { return jpeg.Decode(bytes.NewReader(b)) }},
}

// ReadFile returns the text of the one QR code in a picture, the bytes of a PNG or JPEG file. A picture of more than so many pixels
// is refused before it is unpacked: a small file can hold a huge one. So is one with several codes, of which nobody can say which
// is meant. The errors, [ErrFormat] and [ErrNone] among them, say nothing of what was read.
func ReadFile(b []byte, pixels int) (string, error) {
	for _, f := range formats {
		if !bytes.HasPrefix(b, []byte(f.magic)) {
			continue
		}
		size, err := f.config(b)
		if err != nil {
			return "", fmt.Errorf("it cannot be read as a picture: %w", err)
		}
		if size.Width <= 0 || size.Height <= 0 || size.Width > min(pixels, MaxPixels)/size.Height {
			return "", fmt.Errorf("it has %d x %d pixels, which is too many: scale it down", size.Width, size.Height)
		}
		if scans := bytes.Count(b, []byte{0xff, 0xda}); f.magic[0] == 0xff && scans > maxScans {
			return "", fmt.Errorf("it has %d scans, more than any camera makes: save it anew", scans)
		}
		picture, err := f.decode(b)
		if err != nil {
			return "", fmt.Errorf("it cannot be read as a picture: %w", err)
		}
		return only(picture)
	}
	return "", ErrFormat
}

// only returns the text of a picture's one code.
func only(picture image.Image) (string, error) {
	found, err := Read(picture)
	switch {
	case err != nil:
		return "", err
	case len(found) > 1:
		return "", fmt.Errorf("it has %d QR codes: cut out the one that is meant", len(found))
	}
	return found[0], nil
}
