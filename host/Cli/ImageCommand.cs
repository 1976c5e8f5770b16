using System.CommandLine;

namespace Berth.Cli;

internal static class ImageCommand
{
    public static Command Create() => new("image", "Images of the gateway's store") { Import() };

    private static CliCommand Import()
    {
        var path = new Argument<string>("PATH") { Description = "An OCI layout (folder or tar) or a `docker save` archive, on the gateway's machine" };
        var name = new Option<string>("--name") { Description = "The reference for an image without one", HelpName = "REF", DefaultValueFactory = static _ => "" };
        var socket = CliOptions.Socket();
        var command = new CliCommand(
            "import",
            "Takes images into the gateway's store.",
            "berth image import busybox.tar",
            "berth image import ./layout --name registry.local/busybox:1.36")
        { path, name, socket };
        command.Ask(
            socket,
            (client, result, cancellationToken) => client.ImportImageAsync(
                new() { Path = Path.GetFullPath(result.GetValue(path)!), Name = result.GetValue(name) }, cancellationToken),
            static (result, answer) =>
            {
                CliOutput.Table(result, ["IMAGE", "NAMES"], answer.Images.Select(static i => new[] { i.Id, string.Join(", ", i.Names) }));
                return CliAction.Success;
            });
        return command;
    }
}
