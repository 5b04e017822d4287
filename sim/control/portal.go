package control

import (
	"context"

	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/sim/portal"
)

// PortalRules are changes of the portal's rules: "mode=always-on".
type PortalRules struct {
	Set []string `json:"set"`
}

// portal is the part of the API about the portal beside the account.
func (s *Server) portal() []route {
	return []route{
		on("POST", "/v1/portal", "where the portal is, its rules, and who can sign in with which password", func(ctx context.Context, _ none) (live.Portal, error) {
			return s.lab.OpenPortal(ctx)
		}),
		on("POST", "/v1/portal/rules", "change rules of the portal", func(ctx context.Context, in PortalRules) (portal.Rules, error) {
			return s.lab.SetPortalRules(ctx, in.Set)
		}),
		on("POST", "/v1/portal/users", "make a user of the portal", func(ctx context.Context, in portal.NewUser) (live.PortalDoor, error) {
			return s.lab.AddPortalUser(ctx, in)
		}),
	}
}
