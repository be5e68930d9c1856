package main

import (
	"cmp"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const longHelp = `publish publishes a set of diagnostics directives to a fleet of proxies. Every proxy
has the set within milliseconds, and each directive ends at its expiry.

Exit codes: 0 done; 1 failed otherwise; 2 wrong usage, also a flag that is empty or
repeated; 3 the set was rejected, nothing was written; 4 conflict: not the expected
version; 5 timed out; 6 an instance rejected the revision; 7 no access to Redis.`

const examplesHelp = `  publish -f incident.json --reason "slow searches"
  publish add --level ShapeTiming --tenant acme --endpoint Search --sample 100 --ttl 10m`

// command returns publish with all its subcommands.
func (a *app) command(getenv func(string) string) *cobra.Command {
	var write writeFlags
	var file string
	var version, merge bool
	root := &cobra.Command{
		Use:           "publish -f FILE | COMMAND",
		Short:         "Control the diagnostics of a proxy fleet",
		Long:          longHelp,
		Example:       examplesHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q%s (see publish --help)", args[0], didYouMean("", args[0], commandNames(cmd)))
			}
			return nil
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.urlIsArgument = cmd.Flags().Changed("redis-url")
			a.target = a.targetOf(cmd, getenv)
			if err := checkVerifyKey(cmd); err != nil {
				return err
			}
			return a.check()
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version {
				return a.version()
			}
			if cmd.Flags().NFlag() == 0 {
				return cmd.Help()
			}
			if !cmd.Flags().Changed("file") {
				return usagef("no file and no command: pass -f FILE or a command (see publish --help)")
			}
			return a.publishFile(cmd.Context(), file, merge, write)
		},
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagError)
	a.registerGlobal(root, getenv)
	root.Flags().StringVarP(&file, "file", "f", "", "file with the set to publish, JSON or YAML; - for stdin")
	root.Flags().BoolVar(&merge, "merge", false, "with -f: the directives of the file replace those with the same ids, and the others stay")
	root.Flags().BoolVar(&version, "version", false, "version of this command")
	a.registerWrite(root, &write)
	write.registerMaxTTL(root)
	root.AddCommand(
		a.addCommand(), a.removeCommand(), a.clearCommand(), a.offCommand(), a.getCommand(), a.validateCommand(),
		a.decodeCommand(), a.watchCommand(),
		a.statusCommand(), a.topCommand(), a.waitCommand(), a.historyCommand(), a.rollbackCommand(), a.diffCommand(), a.explainCommand(),
		a.fleetsCommand(), a.forgetCommand(), a.extendCommand(), a.editCommand(getenv), a.rollCommand(),
		a.aclCommand(), a.keygenCommand(), a.tokenCommand(getenv), a.demoCommand(), a.benchCommand(),
		a.conformanceCommand(), a.uiCommand(), a.versionCommand(),
	)
	shortenHelp(root)
	checkArgs(root)
	return root
}

// registerGlobal adds the flags of all commands.
func (a *app) registerGlobal(root *cobra.Command, getenv func(string) string) {
	flags := root.PersistentFlags()
	a.connection.Register(flags, "tls", getenv)
	flags.StringVar(&a.fleet, "fleet", cmp.Or(getenv("FLEETDIAL_FLEET"), "default"),
		"name of the fleet; also FLEETDIAL_FLEET")
	flags.StringVarP(&a.output, "output", "o", "table", "format of the data: table, wide or json")
	flags.StringVar(&a.colour, "color", "auto", "colours: auto, always or never; also NO_COLOR")
	flags.DurationVar(&a.timeout, "timeout", 10*time.Second, "time limit for requests to Redis")
	flags.BoolVar(&a.quiet, "quiet", false, "only data and errors, no messages")
	flags.StringSliceVar(&a.verifyFiles, "verify-key", listOf(getenv("FLEETDIAL_VERIFY_KEY")),
		"trusted public keys, PEM files; also FLEETDIAL_VERIFY_KEY")
	flags.Lookup("verify-key").DefValue = "[]"
	completeWith(root, "output", outputFormats...)
	completeWith(root, "color", "auto", "always", "never")
	completeFrom(root, "fleet", a.completeFleets)
}

// checkArgs makes every command check its arguments, in the words of this command.
func checkArgs(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	forEach(root, func(cmd *cobra.Command) {
		switch {
		case cmd.Name() == "help":
			cmd.Args = knownCommand
		case cmd.HasParent():
			cmd.Args = usageArgs(cmd.Args)
		}
		if !cmd.Runnable() { // completion; cobra checks the arguments of runnable commands only
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	})
}

// shortenHelp hides the flags from the help of publish that the help of a subcommand
// explains, so that the help of publish fits on a screen.
func shortenHelp(root *cobra.Command) {
	root.InitDefaultHelpFlag()
	for _, name := range []string{
		"as", "help", "if-version", "keep-going", "max-ttl", "min-instances",
		"quiet", "threshold", "version", "wait-timeout",
	} {
		root.Flags().Lookup(name).Hidden = true
	}
	usage := root.UsageTemplate()
	usage = strings.ReplaceAll(usage, `(or .IsAvailableCommand (eq .Name "help"))`, ".IsAvailableCommand")
	usage = strings.Replace(usage, "{{if .HasAvailableSubCommands}}\n  {{.CommandPath}} [command]{{end}}", "", 1)
	if end := strings.Index(usage, "{{if .HasAvailableSubCommands}}\n\nUse "); end > 0 {
		usage = usage[:end] + "\n"
	}
	root.SetUsageTemplate(usage)
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if cmd == root {
			for _, name := range []string{"color", "tls-ca", "tls-cert", "tls-key", "verify-key"} {
				root.PersistentFlags().Lookup(name).Hidden = true
			}
		}
		help(cmd, args)
	})
}

// knownCommand rejects the arguments of help that name no command.
func knownCommand(help *cobra.Command, args []string) error {
	cmd, rest, err := help.Root().Find(args)
	if cmd == help.Root() && len(args) > 0 || err != nil {
		return usagef("unknown command %q%s (see publish --help)", args[0], didYouMean("", args[0], commandNames(help.Root())))
	}
	if len(rest) > 0 {
		return usagef("help: unexpected argument %q", rest[0])
	}
	return nil
}

// listOf splits the value of an environment variable at its commas.
func listOf(value string) []string {
	if value == "" {
		return nil
	}
	return strings.Split(value, ",")
}

// completeWith completes a flag with fixed words.
func completeWith(cmd *cobra.Command, flag string, words ...string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // the flag is not registered
	}
}
