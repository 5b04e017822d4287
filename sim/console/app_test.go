package console_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/console"
	"github.com/mfalab/mfalab/token/seedfile/qr"
)

// handset is a phone that keeps what it scans.
type handset struct {
	sync.Mutex
	uris []string
}

func (h *handset) Accounts(context.Context) (list []console.AppAccount, err error) {
	h.Lock()
	defer h.Unlock()
	for _, u := range h.uris {
		list = append(list, console.AppAccount{Name: u, Code: "123456", Left: 12 * time.Second})
	}
	return list, nil
}

func (h *handset) Scan(_ context.Context, uri string) error {
	h.Lock()
	defer h.Unlock()
	if !strings.HasPrefix(uri, "otpauth://totp/") {
		return errors.New("its QR code sets up no authenticator app")
	}
	h.uris = append(h.uris, uri)
	return nil
}

// upload sends a file by the form of the page that is shown.
func (b *browser) upload(field, name string, file []byte) *browser {
	b.l.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if m := formField.FindStringSubmatch(b.page); m != nil {
		require.NoError(b.l.t, form.WriteField("form", m[1]))
	}
	part, err := form.CreateFormFile(field, name)
	require.NoError(b.l.t, err)
	_, err = part.Write(file)
	require.NoError(b.l.t, err)
	require.NoError(b.l.t, form.Close())
	r, err := b.Post(b.l.base()+"/app", form.FormDataContentType(), &body)
	return b.took(r, err)
}

// code is a picture of a text.
func code(t testing.TB, text string) image.Image {
	picture, err := qr.Write(text, 4)
	require.NoError(t, err)
	return picture
}

func asPNG(t testing.TB, picture image.Image) []byte {
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, picture))
	return b.Bytes()
}

func asJPEG(t testing.TB, picture image.Image) []byte {
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, picture, nil))
	return b.Bytes()
}

// chunk is one of a PNG file: PNG, Section 5.3.
func chunk(kind string, data []byte) []byte {
	b := append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), kind...)
	b = append(b, data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// bomb is a PNG file that says it is so large and has so many zeros compressed.
func bomb(t testing.TB, width, height uint32, zeros int) []byte {
	var data bytes.Buffer
	z := zlib.NewWriter(&data)
	_, err := z.Write(make([]byte, zeros))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	header = append(header, 16, 6, 0, 0, 0) // 16 bits, colours with alpha
	return joined([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", header), chunk("IDAT", data.Bytes()), chunk("IEND", nil))
}

func joined(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

const someURI = "otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example"

func TestTheAppTakesThePictureOfACode(t *testing.T) {
	l := newLab(t)
	b := l.browser().open("/app")
	require.Contains(t, b.page, "The app is empty.")
	good := asPNG(t, code(t, someURI))
	for name, file := range map[string][]byte{
		"PNG":  good,
		"JPEG": asJPEG(t, code(t, someURI)),
		// What follows the picture is nobody's business.
		"a picture that is a page and an archive too": joined(good, []byte("<script>alert(1)</script>PK\x03\x04")),
	} {
		l.phone.uris = nil
		b.open("/app").upload("picture", `"><script>alert(1)</script>.png`, file)
		require.Equal(t, "/console/app", b.at.Path, name)
		require.Contains(t, b.page, "The app has the account.", name)
		require.Equal(t, []string{someURI}, l.phone.uris, name)
		require.NotContains(t, b.page, "<script>alert", name)
		require.Contains(t, b.page, "123456")
	}
}

func TestAHostilePictureIsRefused(t *testing.T) {
	l := newLab(t)
	good := asPNG(t, code(t, someURI))
	two := image.NewGray(image.Rect(0, 0, 900, 450))
	draw.Draw(two, two.Bounds(), image.White, image.Point{}, draw.Src)
	draw.Draw(two, image.Rect(20, 20, 430, 430), code(t, someURI), image.Point{}, draw.Src)
	draw.Draw(two, image.Rect(470, 20, 880, 430), code(t, strings.Replace(someURI, "alice", "mallory", 1)), image.Point{}, draw.Src)
	photo := asJPEG(t, code(t, someURI))
	scans := joined(photo[:len(photo)-2], bytes.Repeat([]byte("\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"), 100), photo[len(photo)-2:])
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"nothing":                         {nil, "neither a PNG nor a JPEG"},
		"a text":                          {[]byte("hello"), "neither a PNG nor a JPEG"},
		"a drawing with a script":         {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), "neither a PNG nor a JPEG"},
		"a page":                          {[]byte(`<!doctype html><script>alert(1)</script>`), "neither a PNG nor a JPEG"},
		"an archive":                      {[]byte("PK\x03\x04\x14\x00"), "neither a PNG nor a JPEG"},
		"an archive with a picture in it": {joined([]byte("PK\x03\x04"), good), "neither a PNG nor a JPEG"},
		"4,000,000,000 pixels":            {bomb(t, 65535, 65535, 1000), "which is too many"},
		"a line of 2,147,483,647 pixels":  {bomb(t, 1<<31-1, 1, 1000), "which is too many"},
		"more pixels than a screen has":   {bomb(t, 4096, 2049, 1000), "which is too many"},
		"no pixels":                       {bomb(t, 0, 1, 1000), "cannot be read as a picture"},
		"50 MB of zeros in 50 KB, for 100 x 100 pixels": {bomb(t, 100, 100, 50<<20), "cannot be read as a picture"},
		"half a picture":                     {good[:len(good)/2], "cannot be read as a picture"},
		"a picture whose bytes were changed": {bytes.Replace(good, []byte("IDAT"), []byte("IDAX"), 1), "cannot be read as a picture"},
		"the beginning of a photograph":      {photo[:len(photo)/3], "cannot be read as a picture"},
		"a photograph with a hundred scans":  {scans, "101 scans"},
		"a picture without a code":           {asPNG(t, image.NewGray(image.Rect(0, 0, 200, 200))), "no QR code can be read"},
		"two codes":                          {asPNG(t, two), "2 QR codes: cut out the one that is meant"},
		"a code that leads to a page":        {asPNG(t, code(t, "https://evil.test/otpauth://totp/")), "sets up no authenticator app"},
		"a code that is a script":            {asPNG(t, code(t, "javascript:alert(1)//otpauth://totp/")), "sets up no authenticator app"},
		"a code that is a tag":               {asPNG(t, code(t, "<script>alert(1)</script>")), "sets up no authenticator app"},
	} {
		b := l.browser().open("/app").upload("picture", "qr.png", c.file)
		require.Equal(t, http.StatusBadRequest, b.status, name)
		require.Contains(t, b.page, "The picture was not taken: ", name)
		require.Contains(t, b.page, c.says, name)
		require.NotContains(t, b.page, "<script>alert", name)
		require.Empty(t, l.phone.uris, name)
	}

	b := l.browser().open("/app").upload("another", "qr.png", good)
	require.Contains(t, b.page, "Choose the picture of a QR code first.")
	b.open("/app").upload("picture", "qr.png", joined(good, make([]byte, 4<<20)))
	require.Equal(t, http.StatusRequestEntityTooLarge, b.status)
	require.Contains(t, b.page, "at most 4 MiB")
	b.page = ""
	require.Equal(t, http.StatusForbidden, b.upload("picture", "qr.png", good).status, "sent by another page")
	require.Empty(t, l.phone.uris)

	// A name that is a script is a name.
	b.open("/app").upload("picture", "qr.png", asPNG(t, code(t, "otpauth://totp/<script>alert(1)</script>?secret=GEZDGNBVGY3TQOJQ")))
	require.Contains(t, b.page, "&lt;script&gt;alert(1)")
	require.NotContains(t, b.page, "<script>alert")
}

func TestTheWizardsPictureGoesToTheApp(t *testing.T) {
	l := newLab(t)
	b := l.browser().signInAs("bob")
	b.open("/iam/mfa/bob/assign").send("/iam/mfa/bob/assign", "type", "virtual", "device_name", "phone")
	path, seed := strings.TrimPrefix(b.at.Path, "/console"), seedOn(t, b.page)
	shown := regexp.MustCompile(`src="data:image/png;base64,([^"]+)"`).FindStringSubmatch(b.page)
	require.NotNil(t, shown)
	_, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(shown[1], "&#43;", "+"))
	require.NoError(t, err)
	b.send(path + "/scan")
	require.Contains(t, b.page, "The app has the account.")
	require.Len(t, l.phone.uris, 1)
	require.Contains(t, l.phone.uris[0], seed)
	// Nobody else's, and not when it is over.
	require.Equal(t, "/console/iam/users/bob", l.browser().signInAs("bob").open("/iam/users").send(path+"/scan").at.Path)
	require.Len(t, l.phone.uris, 1)
}
