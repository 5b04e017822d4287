package iam
import ("testing")
func BenchmarkQR(b *testing.B){
 for b.Loop(){ if _,err:=qrCode("otpauth://totp/phone@123456789012?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"); err!=nil {b.Fatal(err)} }
}
