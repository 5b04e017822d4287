package docs_test
import ("testing")
func TestZZ3(t *testing.T) {
	o := openEph(t, true)
	for range 6000 { o.login(t) }
}
