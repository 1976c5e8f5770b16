using Berth.Abstractions;
using Berth.Admin.Protos;
using Grpc.Core;

namespace Berth.Cli.Up;

/// <summary>The demo from the first folder to the last: whatever happens in between, the end takes all of it away.</summary>
internal sealed class UpRun(UpOptions options, TextWriter output, Action<IReadOnlyList<DemoRow>> showTable, TimeProvider time)
{
    // What the end removes must not depend on the patience of whoever asked for it.
    private static readonly TimeSpan RemovalTime = TimeSpan.FromMinutes(2);

    private readonly UpFolders _folders = new(options.Name);

    // While pods may be left, the folders stay: the next run finds these pods by them and removes them.
    private bool _mayHavePods;

    /// <summary>Runs until the token, or to the table if that is all that was asked for: the exit code.</summary>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        using var only = _folders.Take();
        var network = new UpNetwork(_folders);
        _folders.Create();
        try
        {
            await network.CreateAsync(cancellationToken);
            _folders.CopyPlugins(options.Plugins);
            await UpConfiguration.WriteAsync(_folders, cancellationToken);
            await SampleImage.WriteAsync(_folders.Image, options.Busybox, cancellationToken);
            return await ServeAsync(cancellationToken);
        }
        finally
        {
            if (!_mayHavePods)
            {
                using var limit = new CancellationTokenSource(RemovalTime);
                await network.RemoveAsync(limit.Token);
                _folders.Remove();
            }
        }
    }

    private bool WantsEngine => options.Handlers.Count == 0 || options.Handlers.Contains("docker");

    private async Task<int> ServeAsync(CancellationToken cancellationToken)
    {
        _mayHavePods = true;
        await using var engine = WantsEngine ? await UpEngine.StartAsync(_folders, options.EnginePath, cancellationToken) : null;
        await using var gateway = await UpGateway.StartAsync(_folders, cancellationToken);
        await output.WriteLineAsync($"gateway ready at unix://{_folders.Socket}, log in {_folders.Log}");
        try
        {
            await gateway.RemovePodsAsync(cancellationToken);
            await gateway.Admin.ImportImageAsync(new ImportImageRequest { Path = _folders.Image }, cancellationToken: cancellationToken);
            var rows = await DemoAsync(gateway, cancellationToken);
            showTable(rows);
            if (options.Once)
            {
                return rows.Any(static r => r.Time is not null) && !rows.Any(static r => r.Failed) ? CliAction.Success : CliAction.Failure;
            }

            await output.WriteLineAsync($"serving; Ctrl-C ends it. Look around: ./berth pods --socket {_folders.Socket}");
            return await gateway.Ended.WaitAsync(cancellationToken);
        }
        catch (Exception e) when (cancellationToken.IsCancellationRequested && e is OperationCanceledException or RpcException)
        {
            await output.WriteLineAsync("removing the demo's pods");
            return CliAction.Success;
        }
        finally
        {
            using var limit = new CancellationTokenSource(RemovalTime);
            await gateway.RemovePodsAsync(limit.Token);
            _mayHavePods = false;
        }
    }

    private async Task<IReadOnlyList<DemoRow>> DemoAsync(UpGateway gateway, CancellationToken cancellationToken)
    {
        var handlers = (await gateway.Admin.ListHandlersAsync(new(), cancellationToken: cancellationToken)).Handlers;
        if (options.Handlers.Except(handlers.Select(static h => h.Name)).FirstOrDefault() is { } unknown)
        {
            throw RuntimeException.InvalidArgument($"--handlers: there is no handler '{unknown}'; there are {string.Join(", ", handlers.Select(static h => h.Name))}");
        }

        var demo = new DemoPod(gateway, _folders, time);
        var rows = new List<DemoRow>();
        foreach (var handler in handlers.Where(h => options.Handlers.Count == 0 || options.Handlers.Contains(h.Name)).OrderByDescending(static h => h.IsDefault))
        {
            rows.Add(await demo.RunAsync(handler, options.Handlers.Contains(handler.Name), cancellationToken));
        }

        return rows;
    }
}
