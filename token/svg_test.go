package token

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// wellFormed reads a picture as XML and returns its text.
func wellFormed(t require.TestingT, svg string) string {
	var text strings.Builder
	dec := xml.NewDecoder(strings.NewReader(svg))
	for {
		part, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return text.String()
		}
		require.NoError(t, err, svg)
		if chars, ok := part.(xml.CharData); ok {
			text.Write(chars)
		}
	}
}

func TestTheLCDAsAPicture(t *testing.T) {
	d := Display{Lit: true, Code: "170", Bars: 2, MaxBars: 3, LowBattery: true, Missing: [maxDigits]Segments{2: SegmentA}}
	svg := d.SVG()
	require.Contains(t, wellFormed(t, svg), "LCD: 17?, 2 of 3 time bars, battery low")
	require.Equal(t, 3+2+1, strings.Count(svg, ink), "three digits, two bars, the sign")
	require.Contains(t, svg, `y="26.0" width="32" height="20.7" fill="`+ghost, "the uppermost bar goes out first")
	on := (SegmentB | SegmentC).path()
	require.Contains(t, svg, `<path d="`+on+`" fill="`+ink+`"/>`)
	require.Contains(t, svg, `<path d="`+(glyphs[8]&^(SegmentB|SegmentC)).path()+`" fill="`+ghost+`"/>`)
	require.Contains(t, svg, `<path d="`+(glyphs[0]&^SegmentA).path()+`" fill="`+ink+`"/>`)

	d.Dim = true
	require.NotContains(t, d.SVG(), ink)
	require.Contains(t, d.SVG(), faintInk)
	dark := Display{}.SVG()
	require.Contains(t, wellFormed(t, dark), "LCD: dark")
	require.NotContains(t, dark, ink)
	require.Equal(t, 6, strings.Count(dark, glyphs[8].path()), "six digits that are off")
}

func TestEveryFobHasTwoSides(t *testing.T) {
	for _, p := range Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			f := newFob(t, func(c *Config) { c.Profile = p })
			dark := f.FrontSVG()
			f.Press(birth)
			if p.Factor == ChallengeResponse {
				require.NoError(t, f.Challenge(birth, "1"))
			}
			front, back := f.FrontSVG(), f.BackSVG()
			require.Equal(t, front, clone(t, f).FrontSVG())
			require.Contains(t, wellFormed(t, front), "the front of GAHT00000001; LCD: "+f.Display().Code)
			require.Equal(t, p.LitFor > 0, front != dark)
			require.Contains(t, wellFormed(t, back), "the back of GAHT00000001")
			require.Contains(t, wellFormed(t, back), "digits, ")
			require.NotContains(t, back, f.Display().Code)
			require.NotContains(t, front+back, "%!")
			f.Open(birth)
			require.Greater(t, len(f.BackSVG()), len(back), "a crack")
			require.NotContains(t, f.FrontSVG(), ink)
		})
	}
	require.Empty(t, new(Fob).FrontSVG())
	require.Empty(t, new(Fob).BackSVG())
}

func TestAHeldButtonLooksPressed(t *testing.T) {
	f := newFob(t)
	f.Press(birth)
	before := f.FrontSVG()
	f.Hold(birth)
	require.NotEqual(t, before, f.FrontSVG())
}

func TestAnyFobCanBeDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFob(t)
		serial := rapid.StringMatching(`[A-Za-z0-9_+=/:,.@-]{1,256}`).Draw(t, "serial")
		f.serial = serial
		_ = f.Break(f.now, drawFaults(t))
		f.Press(f.now)
		require.Contains(t, wellFormed(t, f.FrontSVG()), serial)
		require.Contains(t, wellFormed(t, f.BackSVG()), serial)
		wellFormed(t, f.Display().SVG())
	})
}

func TestEverySymbolOfCode128IsElevenModulesWide(t *testing.T) {
	seen := map[string]bool{}
	for value, widths := range code128 {
		sum, bars := 0, 0
		for i, width := range widths {
			sum += int(width - '0')
			if i%2 == 0 {
				bars += int(width - '0')
			}
		}
		if value == stop {
			require.Equal(t, 13, sum)
			continue
		}
		require.Equal(t, 11, sum, value)
		require.Zero(t, bars%2, value)
		require.False(t, seen[widths], value)
		seen[widths] = true
	}
}

const (
	rsvgConvert = "/usr/bin/rsvg-convert"
	zbarimg     = "/usr/bin/zbarimg"
)

// needs fails or skips a test where a program is missing.
func needs(t *testing.T, program, debian string) {
	t.Helper()
	if _, err := os.Stat(program); err == nil {
		return
	}
	if os.Getenv("MFALAB_CLIENTS") == "required" {
		t.Fatalf("%s is required; install the package %s", program, debian)
	}
	t.Skipf("no %s; install the package %s", program, debian)
}

func TestZbarReadsTheBarCodeOfEveryBack(t *testing.T) {
	needs(t, rsvgConvert, "librsvg2-bin")
	needs(t, zbarimg, "zbar-tools")
	serials, dir := []string{"GAHT00000001", "20899872", "a_+=/:,.@-Z"}, t.TempDir()
	for _, p := range Profiles() {
		serial, err := p.Serial(12345678)
		require.NoError(t, err)
		serials = append(serials, serial)
	}
	pngs, want := []string{"--quiet", "-Sdisable", "-Scode128.enable"}, ""
	for i, serial := range serials {
		p := Profiles()[i%len(Profiles())]
		f := newFob(t, func(c *Config) { c.Profile, c.Serial = p, serial })
		png := filepath.Join(dir, strconv.Itoa(i)+".png")
		render := exec.Command(rsvgConvert, "--background-color=white", "-o", png)
		render.Stdin = strings.NewReader(f.BackSVG())
		out, err := render.CombinedOutput()
		require.NoError(t, err, "%s", out)
		pngs, want = append(pngs, png), want+"CODE-128:"+serial+"\n"
	}
	read, err := exec.Command(zbarimg, pngs...).Output()
	require.NoError(t, err)
	require.Equal(t, want, string(read))
}
