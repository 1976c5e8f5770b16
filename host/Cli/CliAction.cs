using System.CommandLine;
using Berth.Abstractions;
using Berth.Admin;
using Berth.Configuration;

namespace Berth.Cli;

/// <summary>Turns the failures that a user can do something about into one line and an exit code.</summary>
internal static class CliAction
{
    public const int Success = 0, Failure = 1;

    /// <summary>Sets a command's action: its result is the exit code.</summary>
    public static void Do(this Command command, Func<ParseResult, CancellationToken, Task<int>> action) =>
        command.SetAction(async (result, cancellationToken) =>
        {
            try
            {
                return await action(result, cancellationToken);
            }
            catch (ConfigurationException e)
            {
                return await FailAsync(result, e.Message, ConfigurationException.ExitCode);
            }
            catch (Exception e) when (e is AdminException or RuntimeException or IOException or UnauthorizedAccessException)
            {
                return await FailAsync(result, e.Message, Failure);
            }
        });

    /// <summary>Asks the live gateway.</summary>
    public static void Ask<T>(
        this Command command, Option<string> socket, Func<AdminClient, ParseResult, CancellationToken, Task<T>> ask, Func<ParseResult, T, int> show) =>
        command.Do(async (result, cancellationToken) =>
        {
            using var client = new AdminClient(result.GetValue(socket)!);
            return show(result, await ask(client, result, cancellationToken));
        });

    private static async Task<int> FailAsync(ParseResult result, string message, int exitCode)
    {
        await result.InvocationConfiguration.Error.WriteLineAsync($"berth: {message}");
        return exitCode;
    }
}
