package token

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestArt(t *testing.T) {
	for _, test := range []struct {
		name    string
		display Display
		want    string
	}{
		{"the ten digits, half of them", Display{Lit: true, Code: "012345"}, `
[ _       _   _       _      ]
[| |   |  _|  _| |_| |_      ]
[|_|   | |_   _|   |  _|     ]
`},
		{"the others, and the low-battery sign", Display{Lit: true, Code: "678900", LowBattery: true}, `
[ _   _   _   _   _   _      ]
[|_    | |_| |_| | | | |     ]
[|_|   | |_|  _| |_| |_| batt]
`},
		{"eight digits", Display{Lit: true, Code: "94287082"}, `
[ _       _   _   _   _   _   _      ]
[|_| |_|  _| |_|   | | | |_|  _|     ]
[ _|   | |_  |_|   | |_| |_| |_      ]
`},
		{"dark", Display{}, `
[                            ]
[                            ]
[                            ]
`},
		{"what is no digit is left out", Display{Lit: true, Code: "1x"}, `
[                            ]
[  |                         ]
[  |                         ]
`},
	} {
		t.Run(test.name, func(t *testing.T) { require.Equal(t, test.want, "\n"+test.display.Art()) })
	}
}
