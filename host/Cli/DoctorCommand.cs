using System.CommandLine;

namespace Berth.Cli;

internal static class DoctorCommand
{
    public static Command Create()
    {
        var socket = CliOptions.Socket();
        var json = CliOptions.Json();
        var command = new CliCommand(
            "doctor",
            "Says what is wrong with this machine, what the gateway still owes, and what would help. Exit code 1 if anything is an error.",
            "berth doctor",
            "berth doctor --json")
        { socket, json };
        command.Ask(socket, static (client, _, cancellationToken) => client.DoctorAsync(cancellationToken), (result, answer) =>
        {
            if (result.GetValue(json))
            {
                CliOutput.Json(result, answer);
            }
            else
            {
                CliOutput.Table(result, ["", "SUBJECT", "FINDING", "REMEDY"], answer.Findings.Select(static f => new[] { f.Severity, f.Subject, f.Message, f.Remedy }));
            }

            return answer.Findings.Any(static f => f.Severity == "error") ? CliAction.Failure : CliAction.Success;
        });
        return command;
    }
}
