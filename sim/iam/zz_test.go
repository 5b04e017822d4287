package iam_test
import ("testing";"github.com/mfalab/mfalab/sim/iam")
func BenchmarkGSTDo(b *testing.B){
 c:=newCounter(b)
 c.enable()
 caller:=c.as("bob").caller
 caller.AccessKeyID="AKIAbob"
 b.ReportAllocs()
 for b.Loop(){ if _,err:=c.service.Do(b.Context(),iam.Call{Service:"sts",Action:"GetSessionToken",Params:form("SerialNumber",fob,"TokenCode",c.code(0)),Caller:caller,Now:c.now,Wall:c.now}); err!=nil{b.Fatal(err)}; c.now=c.now.Add(30e9) }
}
