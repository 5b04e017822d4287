package policy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParse: whatever comes, a document is refused with a text, or it is accepted and its one form decides alike.
func FuzzParse(f *testing.F) {
	for name, kind := range canonical {
		f.Add(byte(kind), fixture(f, name).JSON())
	}
	f.Add(byte(Session), `{"Statement":{"Effect":"Deny","NotAction":"a:${aws:username}*","NotResource":"arn:aws:s3:::${aws:userid, 'x'}${*}"}}`)
	f.Add(byte(Resource), `{"Statement":{"Effect":"Allow","NotPrincipal":{"AWS":["*"]},"Action":"*:*","Resource":"*","Condition":{"Null":{"a":[true,1]},"x":{}}}}`)
	f.Add(byte(Trust), `{"Id":"\u0000\ufffd","Statement":[{"Sid":"","Effect":"Allow","Principal":"*","Action":["STS:AssumeRole"]}]}`)
	f.Add(byte(Identity), `[[[[[[[[[[[[[[[[`)
	ctx := NewContext(noon)
	ctx.SetMFA(true, noon, noon)
	ctx.Set(UserName, "bob")
	f.Fuzz(func(t *testing.T, k byte, text string) {
		kind := Kind(k % byte(len(kinds)))
		d, err := Parse(kind, text)
		if err != nil {
			require.Nil(t, d)
			require.IsType(t, &Error{}, err)
			require.NotEmpty(t, err.(*Error).Message)
			return
		}
		again, err := Parse(kind, d.JSON())
		require.NoError(t, err, d.JSON())
		require.Equal(t, d.JSON(), again.JSON())
		require.Equal(t, ContextKeys(d), ContextKeys(again))
		require.Equal(t, rules(d), rules(again))
		for _, c := range []Caller{bob, app, root, alice} {
			for _, action := range []string{"iam:GetUser", "sts:AssumeRole", "s3:GetObject"} {
				for _, resource := range []string{"*", bob.ARN, "arn:aws:s3:::records/taxes/x"} {
					r := &Request{Caller: c, Action: action, Resource: resource, Context: ctx}
					require.Equal(t, outcome(d, r), outcome(again, r), text)
				}
			}
		}
	})
}

// outcome decides by one document where its kind puts it.
func outcome(d *Document, r *Request) string {
	a := []Attached{{"d", d}}
	set := Set{Identity: a}
	switch d.Kind {
	case Boundary:
		set.Boundary = a
	case Session:
		set.Session = a
	case Resource, Trust:
		set = Set{Resource: a}
	}
	return set.Decide(r).String()
}
