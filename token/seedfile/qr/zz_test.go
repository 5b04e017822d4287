package qr
import ("testing";"fmt")
func TestZZ(t *testing.T){
 conds := []camera{
 {width:600,fill:.6,contrast:1},{width:900,fill:.2,contrast:1},{width:600,fill:.55,contrast:1,tilt:.35},{width:600,fill:.55,contrast:1,tilt:.5},
 {width:600,fill:.7,contrast:1,blur:3},{width:600,fill:.7,contrast:1,blur:4},{width:600,fill:.7,contrast:.7,noise:30},{width:600,fill:.7,contrast:.7,noise:45},{width:600,fill:.7,contrast:.12,noise:2},
 {width:600,fill:.7,contrast:1,shadow:.85},{width:500,fill:.7,contrast:1,jpeg:12},{width:500,fill:.7,contrast:1,jpeg:6},{width:900,fill:.6,contrast:.6,tilt:.2,blur:1,noise:10,shadow:.5,jpeg:50},
 {width:1600,fill:.15,contrast:.8,noise:5},{width:1600,fill:.7,contrast:.5,noise:40,blur:3,shadow:.5},{width:300,fill:.5,contrast:1,noise:5}}
 only:=map[int]int{}; first:=map[int]int{}; any:=map[int]int{}
 for _,c:=range conds { ok:=0; n:=0; per:=make([]int,len(attempts))
  for _,text:=range []string{short,uri}{ code,_:=Write(text,8)
   for _,a:=range []float64{0,8,33,45,200}{ c.angle=a; n++; p:=luminance(c.take(t,code)); hit:=[]int{}
    for i,at:=range attempts { cs,_:=p.scaled(at.side).blurred(at.blur).matrix(at).codes(); if len(cs)==1&&cs[0].text==text {hit=append(hit,i); per[i]++; any[i]++}}
    if len(hit)>0 {ok++; first[hit[0]]++}; if len(hit)==1{only[hit[0]]++}
   }}
  fmt.Println(fmt.Sprintf("%+v",c), ok,"/",n, per)
 }
 fmt.Println("first",first,"only",only,"any",any)
}
