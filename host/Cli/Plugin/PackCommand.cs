using System.CommandLine;
using Berth.Packages;
using Berth.Plugins.Signatures;

namespace Berth.Cli.Plugin;

internal static class PackCommand
{
    public static Command Create()
    {
        var folder = new Argument<string>("folder") { Description = "The plugin's folder: plugin.json and its assemblies" };
        var output = new Option<string?>("--output", "-o") { Description = "The archive; ID-VERSION.tar.gz here by default", HelpName = "FILE.tar.gz" };
        var key = new Option<string?>("--sign") { Description = "Signs it with this private key, a PEM file; the folder is left as it is", HelpName = "KEY" };
        var command = new CliCommand(
            "pack",
            "Packs a plugin's folder into an archive for `berth plugin install`. The same folder gives the same bytes.",
            "berth plugin pack ./out --sign acme.key",
            "berth plugin pack ./out -o acme.tar.gz")
        { folder, output, key };
        command.Do(async (result, cancellationToken) =>
        {
            using var signer = result.GetValue(key) is { } file ? SigningKey.ReadPrivate(Path.GetFullPath(file)) : null;
            var package = await PackageWriter.PackAsync(Path.GetFullPath(result.GetValue(folder)!), result.GetValue(output), signer, cancellationToken);
            CliOutput.Line(result, package.Path);
            CliOutput.Line(result, $"{package.Manifest.Id} {package.Manifest.Version}, sha256 {package.Sha256}");
            return CliAction.Success;
        });
        return command;
    }
}
