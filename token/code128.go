package token

// From the specification: Code 128 (ISO/IEC 15417:2007), code set B.
const (
	startB   = 104
	checkMod = 103
	stop     = 106
)

// code128 holds the widths of bars and spaces, in modules, of each symbol character, by its
// value. See ISO/IEC 15417 Section 4.3, Table 1.
var code128 = [stop + 1]string{
	"212222", "222122", "222221", "121223", "121322", "131222", "122213", "122312", "132212", "221213", "221312", "231212",
	"112232", "122132", "122231", "113222", "123122", "123221", "223211", "221132", "221231", "213212", "223112", "312131",
	"311222", "321122", "321221", "312212", "322112", "322211", "212123", "212321", "232121", "111323", "131123", "131321",
	"112313", "132113", "132311", "211313", "231113", "231311", "112133", "112331", "132131", "113123", "113321", "133121",
	"313121", "211331", "231131", "213113", "213311", "213131", "311123", "311321", "331121", "312113", "312311", "332111",
	"314111", "221411", "431111", "111224", "111422", "121124", "121421", "141122", "141221", "112214", "112412", "122114",
	"122411", "142112", "142211", "241211", "221114", "413111", "241112", "134111", "111242", "121142", "121241", "114212",
	"124112", "124211", "411212", "421112", "421211", "212141", "214121", "412121", "111143", "111341", "131141", "114113",
	"114311", "411113", "411311", "113141", "114131", "311141", "411131", "211412", "211214", "211232", "2331112",
}

// barCode returns text as the widths of bars and spaces in turn, in modules, with start,
// check and stop characters and without quiet zones. The text is printable ASCII, as serial
// numbers are.
func barCode(text string) []int {
	values := make([]int, 0, len(text)+3)
	values = append(values, startB)
	sum := startB
	for i := range len(text) {
		value := int(text[i] - ' ')
		sum += (i + 1) * value
		values = append(values, value)
	}
	values = append(values, sum%checkMod, stop)
	var widths []int
	for _, value := range values {
		for _, width := range code128[value] {
			widths = append(widths, int(width-'0'))
		}
	}
	return widths
}
