using System.CommandLine;
using Berth.Plugins.Signatures;

namespace Berth.Cli.Plugin;

internal static class KeygenCommand
{
    public static Command Create()
    {
        var output = new Option<string>("--output", "-o") { Description = "The private key's file; it must not exist", HelpName = "FILE", Required = true };
        var command = new CliCommand(
            "keygen",
            "Makes a key to sign plugins with (ECDSA, P-256): the private key goes into a file, and the public one is printed as plugins.json takes it. "
            + "`openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` makes one too.",
            "berth plugin keygen -o acme.key")
        { output };
        command.Do((result, _) =>
        {
            var path = Path.GetFullPath(result.GetValue(output)!);
            CliOutput.Line(result, Convert.ToBase64String(SigningKey.Create(path)));
            return Task.FromResult(CliAction.Success);
        });
        return command;
    }
}
