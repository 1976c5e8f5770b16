using System.CommandLine;
using Berth.Cli.Plugin;
using Berth.Configuration;

namespace Berth.Cli;

/// <summary>Runs the gateway until it is asked to stop.</summary>
public delegate Task GatewayRun(BerthOptions options, CancellationToken cancellationToken);

/// <summary>The command line: one file a command.</summary>
public static class CliRoot
{
    /// <param name="run">What <c>serve</c> does.</param>
    /// <param name="more">Further commands.</param>
    public static RootCommand Create(GatewayRun run, params IEnumerable<Command> more)
    {
        var root = new RootCommand(
            "One CRI endpoint for every container runtime of this node. Start the gateway with `berth serve`; ask it with the other commands.");
        Command[] commands =
        [
            ServeCommand.Create(run), PodsCommand.Create(), HandlersCommand.Create(), PluginsCommand.Create(), ReloadCommand.Create(),
            ExplainCommand.Create(), LintCommand.Create(), PluginCommand.Create(), DoctorCommand.Create(), ImageCommand.Create(), PullCommand.Create(),
            .. more,
        ];
        foreach (var command in commands)
        {
            root.Add(command);
        }

        HelpWithExamples.AddTo(root);
        return root;
    }
}
