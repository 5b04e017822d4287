package docs_test
import ("testing")
func TestZZ2(t *testing.T) {
	o := openEph(t, false)
	for range 1000 { o.login(t) }
}
