using System.CommandLine;

namespace Berth.Cli;

internal static class ServeCommand
{
    public static Command Create(GatewayRun run)
    {
        var config = CliOptions.Config("The configuration; without it the built-in defaults hold");
        var listen = new Option<string?>("--listen") { Description = "The socket (gateway.listen)", HelpName = "unix:///PATH" };
        var root = new Option<string?>("--root") { Description = "The folder for what survives a reboot (gateway.root)", HelpName = "DIR" };
        var state = new Option<string?>("--state") { Description = "The folder for what a reboot clears (gateway.state)", HelpName = "DIR" };
        var command = new CliCommand(
            "serve",
            "Runs the gateway until SIGTERM; pods go on running without it. A flag has the last word, then come environment variables (BERTH_GATEWAY__LISTEN is gateway.listen), then the file.",
            "berth serve",
            "berth serve --config /etc/berth/plugins.json",
            "berth serve --config plugins.json --listen unix:///tmp/b/berth.sock --root /tmp/b/root --state /tmp/b/state")
        { config, listen, root, state };

        command.Do(async (result, cancellationToken) =>
        {
            var flags = new Dictionary<string, string>();
            Add(flags, "gateway:listen", result.GetValue(listen));
            // A path that somebody types counts from where they are, not from the file.
            Add(flags, "gateway:root", Absolute(result.GetValue(root)));
            Add(flags, "gateway:state", Absolute(result.GetValue(state)));
            await run(CliConfiguration.Load(result.GetValue(config), flags), cancellationToken);
            return CliAction.Success;
        });
        return command;
    }

    private static void Add(Dictionary<string, string> flags, string key, string? value)
    {
        if (value is not null)
        {
            flags[key] = value;
        }
    }

    private static string? Absolute(string? path) => string.IsNullOrEmpty(path) ? path : Path.GetFullPath(path);
}
