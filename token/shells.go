package token

import "fmt"

// The shells, as both sides show them; the faces, as the front shows them on top. Ids begin
// with the case, so that several pictures can stand in one page.
const (
	buttonShell = `<defs><linearGradient id="button-shell" x2="0" y2="1"><stop stop-color="#fbfcfc"/><stop offset=".55" stop-color="#e6e9ec"/>` +
		`<stop offset="1" stop-color="#bfc6cc"/></linearGradient></defs>
<circle cx="56" cy="152" r="44" fill="none" stroke="#868e96" stroke-width="9"/>
<path d="M172 40h346a118 118 0 0 1 0 244h-346a118 118 0 0 1 0-244z" fill="#000" opacity=".14"/>
<path d="M168 30h346a122 122 0 0 1 0 244h-346a122 122 0 0 1 0-244zM102 124a28 28 0 1 0 0.1 0z" fill="url(#button-shell)" fill-rule="evenodd" ` +
		`stroke="#9aa2aa" stroke-width="3"/>
<path d="M168 46h346a106 106 0 0 1 0 212h-346a106 106 0 0 1 0-212z" fill="none" stroke="#fff" stroke-width="4" opacity=".75"/>
<circle cx="102" cy="152" r="28" fill="none" stroke="#9aa2aa" stroke-width="7"/>
<path d="M12 152a44 44 0 0 1 88 0" fill="none" stroke="#a7afb7" stroke-width="9"/>%s`

	buttonFace = `<circle cx="558" cy="154" r="48" fill="#aab2ba"/><circle cx="558" cy="152" r="42" fill="%s"/>` +
		`<path d="M526 136a36 36 0 0 1 64 0a60 30 0 0 0-64 0z" fill="#fff" opacity=".28"/>`

	watchShell = `<defs><linearGradient id="watch-shell" x2="0" y2="1"><stop stop-color="#4d5a68"/><stop offset=".5" stop-color="#36414d"/>` +
		`<stop offset="1" stop-color="#222a33"/></linearGradient></defs>
<circle cx="704" cy="146" r="42" fill="none" stroke="#868e96" stroke-width="9"/>
<path d="M34 152c0-70 30-112 104-112h400c66 0 92 34 130 62c40 30 40 78 0 108c-38 28-64 62-130 62h-400c-74 0-104-50-104-120z" fill="#000" opacity=".16"/>
<path d="M30 142c0-70 30-112 104-112h400c66 0 92 34 130 62c40 30 40 78 0 108c-38 28-64 62-130 62h-400c-74 0-104-50-104-120z` +
		`M660 120a26 26 0 1 0 0.1 0z" fill="url(#watch-shell)" fill-rule="evenodd" stroke="#1a2128" stroke-width="3"/>
<path d="M46 142c0-60 26-96 90-96h396c58 0 82 30 118 58" fill="none" stroke="#fff" stroke-width="4" opacity=".22"/>
<circle cx="660" cy="146" r="26" fill="none" stroke="#1a2128" stroke-width="6"/>
<path d="M662 146a42 42 0 0 1 84 0" fill="none" stroke="#a7afb7" stroke-width="9"/>%s`

	watchFace = `<rect x="132" y="54" width="472" height="176" rx="46" fill="#b9c1c9"/><rect x="138" y="60" width="460" height="164" rx="40" fill="#d9dee3"/>`

	cardShell = `<defs><linearGradient id="card-shell" x2="1" y2="1"><stop stop-color="#1f4f86"/><stop offset=".6" stop-color="#173a66"/>` +
		`<stop offset="1" stop-color="#0f2746"/></linearGradient><clipPath id="card-edge"><rect x="20" y="20" width="856" height="540" rx="34"/></clipPath></defs>
<rect x="26" y="30" width="856" height="540" rx="34" fill="#000" opacity=".2"/>
<rect x="20" y="20" width="856" height="540" rx="34" fill="url(#card-shell)"/>
<g clip-path="url(#card-edge)" fill="none" stroke="#fff" opacity=".07" stroke-width="46"><circle cx="120" cy="600" r="260"/><circle cx="120" cy="600" r="370"/>` +
		`<circle cx="120" cy="600" r="480"/></g>%s`

	cardFace = `<text x="72" y="108" font-size="34" fill="#d7e3f0" letter-spacing="3">one-time password</text>` +
		`<text x="72" y="500" font-size="22" fill="#d7e3f0">press for a code</text>` +
		`<circle cx="742" cy="402" r="62" fill="#0c1f38"/><circle cx="742" cy="400" r="54" fill="%s"/>` +
		`<path d="M742 376v24M722 388a26 26 0 1 0 40 0" fill="none" stroke="#fff" stroke-width="7" stroke-linecap="round"/>`

	keypadShell = `<defs><linearGradient id="keypad-shell" x2="1" y2="1"><stop stop-color="#4a525b"/><stop offset="1" stop-color="#2a3037"/></linearGradient></defs>
<rect x="26" y="30" width="856" height="540" rx="34" fill="#000" opacity=".2"/>
<rect x="20" y="20" width="856" height="540" rx="34" fill="url(#keypad-shell)"/>%s`

	phoneShell = `<defs><linearGradient id="phone-shell" x2="1" y2="1"><stop stop-color="#3a4048"/><stop offset="1" stop-color="#16191d"/></linearGradient></defs>
<rect x="26" y="28" width="376" height="752" rx="58" fill="#000" opacity=".2"/>
<rect x="22" y="20" width="376" height="752" rx="58" fill="url(#phone-shell)" stroke="#0b0d0f" stroke-width="4"/>%s`

	phoneFace = `<rect x="38" y="36" width="344" height="720" rx="44" fill="#f2f4f6"/><rect x="160" y="50" width="100" height="22" rx="11" fill="#16191d"/>` +
		`<text x="70" y="160" font-size="30" fill="#1c2329">One-time codes</text>` +
		`<rect x="54" y="246" width="312" height="150" rx="24" fill="#fff" stroke="#dde2e6" stroke-width="2"/>` +
		`<rect x="150" y="734" width="120" height="8" rx="4" fill="#9aa3ad"/>`
)

// keypad draws the keys of a card, and the words beside them.
func keypad() string {
	var s sketch
	s.draw(`<text x="62" y="290" font-size="26" fill="#d3d8de">1  type the challenge</text>`)
	s.draw(`<text x="62" y="330" font-size="26" fill="#d3d8de">2  read the answer</text>`)
	for i, name := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "C", "0", "OK"} {
		x, y := 484+i%3*120, 72+i/3*114
		fill := map[string]string{"C": "#a33a33", "OK": "#2f7d46"}[name]
		if fill == "" {
			fill = "#e4e8ec"
		}
		s.draw(`<rect x="%d" y="%d" width="104" height="96" rx="18" fill="#15191d"/>`, x, y+4)
		s.draw(`<rect x="%d" y="%d" width="104" height="94" rx="18" fill="%s"/>`, x, y, fill)
		text := "#1c2329"
		if fill != "#e4e8ec" {
			text = "#fff"
		}
		fmt.Fprintf(&s, `<text x="%d" y="%d" font-size="42" fill="%s" text-anchor="middle">%s</text>`+"\n", x+52, y+62, text, name)
	}
	return s.String()
}
