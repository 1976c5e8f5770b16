using System.CommandLine;
using Berth.Cli.Kit;

namespace Berth.Cli.Plugin;

internal static class TestCommand
{
    public static Command Create()
    {
        var folder = new Argument<string>("folder") { Description = "The plugin's folder: plugin.json and its assemblies" };
        var options = new Option<string>("--options")
        {
            Description = "Handler options over those of the manifest, by handler",
            HelpName = """{"crun":{"path":"/x"}}""",
            DefaultValueFactory = static _ => "{}",
        };
        var junit = new Option<string?>("--junit") { Description = "Writes the results for a pipeline too", HelpName = "results.xml" };
        var only = new Option<string[]>("--only") { Description = "Only these parts of the contract, such as Exec or Restore", HelpName = "PART" };
        var busybox = new Option<string>("--busybox") { Description = "The static busybox that its containers run", HelpName = "PATH", DefaultValueFactory = static _ => "/bin/busybox" };
        var kit = new Option<string>("--kit") { Description = "Where the kit is", HelpName = "DIR", DefaultValueFactory = static _ => ContractKit.DefaultFolder };
        var command = new CliCommand(
            "test",
            "Runs the contract suite against a plugin's folder, without a gateway: start, exits, logs, execs, limits, restarts with live pods, "
            + "faults at every step, leftovers. Needs root, a cgroup tree and a static busybox. Exit code 1 if anything fails.",
            "berth plugin test ./out",
            "berth plugin test ./out --junit results.xml",
            "berth plugin test ./out --only Lifecycle --only Exec")
        { folder, options, junit, only, busybox, kit };
        command.Do(async (result, cancellationToken) =>
        {
            var run = new ContractKit(result.GetValue(kit)!, result.GetValue(busybox)!);
            var report = await run.RunAsync(
                Path.GetFullPath(result.GetValue(folder)!), result.GetValue(options)!, result.GetValue(only) ?? [], result.GetValue(junit), cancellationToken);
            foreach (var line in report.Lines())
            {
                CliOutput.Line(result, line);
            }

            return report.Passed ? CliAction.Success : CliAction.Failure;
        });
        return command;
    }
}
