using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using Berth.Abstractions;
using Grpc.Core;

namespace Berth.Cli.Up;

/// <summary>Shows the gateway on this machine and leaves nothing behind.</summary>
public static class UpCommand
{
    public static Command Create()
    {
        var defaults = new UpOptions();
        var handlers = new Option<string>("--handlers") { Description = "Only these handlers", HelpName = "A,B", DefaultValueFactory = static _ => "" };
        var busybox = new Option<string>("--busybox") { Description = "The static busybox that the sample image is made of", HelpName = "PATH", DefaultValueFactory = _ => defaults.Busybox };
        var plugins = new Option<string>("--plugins") { Description = "The folder of the plugins", HelpName = "DIR", DefaultValueFactory = _ => defaults.Plugins };
        var engine = new Option<string>("--engine") { Description = "Where dockerd and containerd are, for a Docker Engine of the demo's own; none runs without it", HelpName = "DIR:DIR", DefaultValueFactory = _ => defaults.EnginePath };
        var once = new Option<bool>("--once") { Description = "Ends after the table; the exit code is 1 if a handler that is ready or was asked for did not run its pod" };
        var command = new CliCommand(
            "up",
            "Starts a gateway of its own on this machine, runs a demo pod on every handler that is ready, and serves until Ctrl-C; then all of it is removed. Nothing is fetched.",
            "berth up",
            "berth up --handlers runc,crun --once")
        { handlers, busybox, plugins, engine, once };

        command.Do(async (result, _) =>
        {
            using var stop = new CancellationTokenSource();
            using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, stop));
            using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context, stop));
            using var hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => Stop(context, stop));
            var options = new UpOptions
            {
                Handlers = result.GetValue(handlers)!.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
                Busybox = result.GetValue(busybox)!,
                Plugins = result.GetValue(plugins)!,
                EnginePath = result.GetValue(engine)!,
                Once = result.GetValue(once),
            };
            try
            {
                return await new UpRun(options, result.InvocationConfiguration.Output, rows => Show(result, rows), TimeProvider.System).RunAsync(stop.Token);
            }
            catch (RpcException e)
            {
                throw new RuntimeException(RuntimeErrorCode.Internal, $"the gateway answered: {e.Status.Detail}", e);
            }
        });
        return command;
    }

    // The default would end the process before the demo is taken away.
    private static void Stop(PosixSignalContext context, CancellationTokenSource stop)
    {
        context.Cancel = true;
        stop.Cancel();
    }

    private static void Show(ParseResult result, IReadOnlyList<DemoRow> rows) => CliOutput.Table(
        result,
        ["POD", "HANDLER", "WHY", "IP", "KERNEL INSIDE", "SECONDS", "HELPERS MIB"],
        rows.Select(static r => new[]
        {
            r.Pod, r.Handler, r.Why, r.Ip, r.Kernel, r.Time?.TotalSeconds.ToString("0.00", CultureInfo.InvariantCulture) ?? "-",
            (r.HelperBytes / (1024.0 * 1024))?.ToString("0.0", CultureInfo.InvariantCulture) ?? "-",
        }));
}
