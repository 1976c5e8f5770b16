using System.CommandLine;
using System.Globalization;
using Berth.Admin.Protos;

namespace Berth.Cli;

internal static class PodsCommand
{
    private const int ShortId = 13;

    public static Command Create()
    {
        var socket = CliOptions.Socket();
        var json = CliOptions.Json();
        var command = new CliCommand(
            "pods",
            "Lists pods, the handler of each, and why it was chosen.",
            "berth pods",
            "berth pods --json")
        { socket, json };
        command.Ask(socket, static (client, _, cancellationToken) => client.ListPodsAsync(cancellationToken), (result, answer) =>
        {
            if (result.GetValue(json))
            {
                CliOutput.Json(result, answer);
            }
            else
            {
                CliOutput.Table(result, ["POD", "ID", "STATE", "HANDLER", "WHY", "RUNTIME", "PLUGIN", "IP", "CREATED", "CONTAINERS"], answer.Pods.Select(Row));
            }

            return CliAction.Success;
        });
        return command;
    }

    private static string[] Row(PodRow pod) =>
    [
        $"{pod.Namespace}/{pod.Name}",
        pod.Id[..Math.Min(ShortId, pod.Id.Length)],
        pod.Owed.Length > 0 ? $"{pod.State} (owed: {pod.Owed})" : pod.State,
        pod.Handler,
        pod.Reason,
        pod.RuntimeVersion.Length > 0 ? pod.RuntimeVersion : "-",
        $"{pod.Plugin} {pod.PluginVersion}",
        pod.Ips.Count > 0 ? string.Join(", ", pod.Ips) : "-",
        DateTimeOffset.UnixEpoch.AddTicks(pod.CreatedAt / TimeSpan.NanosecondsPerTick).ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
        pod.Containers.Count > 0 ? string.Join(", ", pod.Containers.Select(static c => $"{c.Name} {c.State}")) : "-",
    ];
}
