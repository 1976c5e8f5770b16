using System.Text;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Tests.Contract;

/// <summary>Runs a command in a container to its end, as the gateway's ExecSync does.</summary>
internal static class ContractExec
{
    private static int _last;

    public static async Task<(int Code, string Output)> RunAsync(IContainer container, Func<string, string> writeProcess)
    {
        var id = $"x{Interlocked.Increment(ref _last)}";
        using var output = new PipeCapture(64 * 1024, keepTail: false);
        var exec = await container.ExecAsync(
            new() { ExecId = id, ProcessPath = writeProcess(id), Stdout = new(output.WriteEnd.Number, null), Stderr = new(output.WriteEnd.Number, null) },
            CancellationToken.None);
        await exec.StartAsync(CancellationToken.None);
        output.WriteEnd.Dispose();
        await output.ReadAsync(null, CancellationToken.None).Soon();
        return ((await exec.Exit.Soon()).Code, Encoding.UTF8.GetString(output.ToArray()));
    }
}
