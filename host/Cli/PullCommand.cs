using System.CommandLine;
using Berth.Admin;
using Berth.Admin.Protos;
using Spectre.Console;

namespace Berth.Cli;

internal static class PullCommand
{
    private const int ShortDigest = 19; // sha256: and twelve digits

    public static Command Create()
    {
        var image = new Argument<string>("IMAGE") { Description = "A reference by tag or digest" };
        var username = new Option<string>("--username") { Description = "A user of the registry; the password is read from standard input", HelpName = "NAME", DefaultValueFactory = static _ => "" };
        var socket = CliOptions.Socket();
        var command = new CliCommand(
            "pull",
            "Pulls an image as a kubelet would, and shows how far each layer is.",
            "berth pull docker.io/library/busybox:1.36",
            "berth pull registry.local/app:1 --username me < password")
        { image, username, socket };
        command.Do(async (result, cancellationToken) =>
        {
            var request = new PullImageRequest { Image = result.GetValue(image)!, Username = result.GetValue(username)! };
            request.Password = request.Username.Length > 0 ? (await Console.In.ReadLineAsync(cancellationToken) ?? "") : "";
            using var client = new AdminClient(result.GetValue(socket)!);
            var pulled = CliOutput.IsTerminal(result)
                ? await WithBarsAsync(client, request, cancellationToken)
                : await WithLinesAsync(client, request, result, cancellationToken);
            CliOutput.Table(result, ["IMAGE", "NAMES"], [[pulled.Id, string.Join(", ", pulled.Names)]]);
            return CliAction.Success;
        });
        return command;
    }

    private static Task<ImportedImage> WithBarsAsync(AdminClient client, PullImageRequest request, CancellationToken cancellationToken) =>
        AnsiConsole.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new DownloadedColumn(), new TransferSpeedColumn())
            .StartAsync(context => client.PullImageAsync(request, new PullBars(context).Show, cancellationToken));

    // A file or pipe gets one line for each layer that has come.
    private static Task<ImportedImage> WithLinesAsync(AdminClient client, PullImageRequest request, ParseResult result, CancellationToken cancellationToken)
    {
        var told = new HashSet<string>();
        return client.PullImageAsync(request, progress =>
        {
            foreach (var layer in progress.Layers.Where(l => (progress.Image is not null || l.ReceivedBytes == l.SizeBytes) && told.Add(l.Digest)))
            {
                CliOutput.Line(result, layer.ReceivedBytes == 0
                    ? $"{Short(layer.Digest)}  was here already"
                    : $"{Short(layer.Digest)}  {layer.ReceivedBytes} bytes from {layer.Host}");
            }
        }, cancellationToken);
    }

    internal static string Short(string digest) => digest[..Math.Min(ShortDigest, digest.Length)];
}
