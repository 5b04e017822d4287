package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
)

// variable is one environment variable.
type variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// Unset takes the variable out of the environment: an empty AWS_PROFILE is a profile that there is not.
	Unset bool `json:"unset,omitempty"`
}

// strays are variables that win over ours, or that clients take together with our access key: the botocore of aws CLI and
// boto3 reads AWS_SECURITY_TOKEN as well, and takes any key for expired at AWS_CREDENTIAL_EXPIRATION.
var strays = []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN",
	"AWS_CREDENTIAL_EXPIRATION", "AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_CLOUDTRAIL",
	"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_EC2"}

// variables is the environment in which AWS clients reach the lab and nothing else. Endpoint, proxy, region, pager and
// credentials go together: a client that ignores AWS_ENDPOINT_URL, as aws CLI 2.9 does, would otherwise talk to the real
// service.
func variables(url, dir, region string, key live.Key) []variable {
	var list []variable
	for _, name := range strays {
		list = append(list, variable{Name: name, Unset: true})
	}
	for _, v := range [][2]string{
		{"MFALAB_DIR", dir},
		{"AWS_ENDPOINT_URL", url},
		{"HTTPS_PROXY", url},
		{"HTTP_PROXY", url},
		{"https_proxy", url},
		{"http_proxy", url},
		{"NO_PROXY", "127.0.0.1,localhost,::1"},
		{"no_proxy", "127.0.0.1,localhost,::1"},
		{"AWS_CA_BUNDLE", filepath.Join(dir, "ca.pem")},
		{"AWS_REGION", region},
		{"AWS_DEFAULT_REGION", region},
		{"AWS_PAGER", ""},
		{"AWS_EC2_METADATA_DISABLED", "true"},
		{"AWS_ACCESS_KEY_ID", key.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", key.SecretAccessKey},
	} {
		list = append(list, variable{Name: v[0], Value: v[1]})
	}
	return list
}

// environment returns the variables of a lab in this process.
func environment(ctx context.Context, lab *live.Lab) ([]variable, error) {
	keys, err := lab.Credentials(ctx)
	if err != nil {
		return nil, err
	}
	return variables(lab.URL(), lab.Dir(), keys.Region, keys.Users[live.Administrator]), nil
}

func (c *cli) envCommand() *cobra.Command {
	var shell, user string
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print the environment that points AWS clients at the lab",
		Example: `  eval "$(mfalab env)"
  mfalab env --shell fish | source
  mfalab env --shell powershell | Invoke-Expression
  mfalab env --shell github >> "$GITHUB_ENV"`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&shell, "shell", "bash", "bash, sh, zsh, fish, powershell or github")
	cmd.Flags().StringVar(&user, "user", live.Administrator, "whose access key")
	cmd.RunE = func(*cobra.Command, []string) error {
		if shell == "sh" || shell == "zsh" { // they export as bash does
			shell = "bash"
		}
		write, ok := shells[shell]
		if !ok {
			return usage{fmt.Errorf("--shell %q is not known: give bash, sh, zsh, fish, powershell or github", shell)}
		}
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var st control.Status
			var keys live.Credentials
			if err := lab.Get(ctx, "/v1/status", &st); err != nil {
				return err
			}
			if err := lab.Get(ctx, "/v1/credentials", &keys); err != nil {
				return err
			}
			if st.URL == "" {
				return hinted{fmt.Errorf("the lab in %s is not running", st.Dir), "start it with `mfalab up --detach`"}
			}
			key, ok := keys.Users[user]
			if !ok {
				return fmt.Errorf("the lab made no access key for %q: `aws iam create-access-key` makes and shows one", user)
			}
			list := variables(st.URL, st.Dir, keys.Region, key)
			if len(st.Weakened) > 0 {
				fmt.Fprintf(c.err, "mfalab: hint: this lab is weakened on purpose: %s\n", strings.Join(st.Weakened, ", "))
			}
			return c.print(list, func(w io.Writer) {
				for _, v := range list {
					if line := write(v); line != "" {
						fmt.Fprintln(w, line)
					}
				}
			})
		})
	}
	return cmd
}

// shells is how each shell sets a variable, or takes it out.
var shells = map[string]func(variable) string{
	"bash": func(v variable) string {
		if v.Unset {
			return "unset " + v.Name
		}
		return "export " + v.Name + "='" + strings.ReplaceAll(v.Value, "'", `'\''`) + "'"
	},
	"fish": func(v variable) string {
		if v.Unset {
			return "set -e " + v.Name
		}
		return "set -gx " + v.Name + " '" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(v.Value) + "'"
	},
	"powershell": func(v variable) string {
		if v.Unset {
			return "Remove-Item Env:" + v.Name + " -ErrorAction SilentlyContinue"
		}
		return "$env:" + v.Name + " = '" + strings.ReplaceAll(v.Value, "'", "''") + "'"
	},
	// A workflow's environment file has no way to take a variable out. An empty one does as well, but for a profile: an
	// empty name is a profile that there is not.
	"github": func(v variable) string {
		if strings.HasSuffix(v.Name, "_PROFILE") {
			return ""
		}
		return v.Name + "=" + v.Value
	},
}
