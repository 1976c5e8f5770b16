using System.CommandLine;
using Berth.Packages;
using Berth.Plugins.Signatures;

namespace Berth.Cli.Plugin;

internal static class SignCommand
{
    public static Command Create()
    {
        var folder = new Argument<string>("folder") { Description = "The plugin's folder" };
        var key = new Option<string>("--key") { Description = "The private key, a PEM file", HelpName = "FILE", Required = true };
        var command = new CliCommand(
            "sign",
            $"Signs a plugin's folder where it lies: writes {PluginSignature.FileName}, over every other file of it. For folders that a package manager brings; "
            + "`berth plugin pack --sign` does it in the archive.",
            "berth plugin sign ./out --key acme.key")
        { folder, key };
        command.Do(async (result, cancellationToken) =>
        {
            var path = Path.GetFullPath(result.GetValue(folder)!);
            using var signer = SigningKey.ReadPrivate(Path.GetFullPath(result.GetValue(key)!));
            var manifest = PackageCheck.Manifest(path, path);
            await PackageWriter.SignAsync(path, signer, cancellationToken);
            CliOutput.Line(result, $"{manifest.Id} {manifest.Version} is signed by {SigningKey.Fingerprint(signer.ExportSubjectPublicKeyInfo())}");
            return CliAction.Success;
        });
        return command;
    }
}
