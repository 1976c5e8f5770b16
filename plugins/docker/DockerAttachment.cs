using Berth.Abstractions;
using Docker.DotNet;
using Docker.DotNet.Models;

namespace Berth.Plugins.Docker;

/// <summary>A client at the streams of a container, by a connection to the Engine.</summary>
internal sealed class DockerAttachment : IAttachedClient
{
    // A terminal's client that types these is sent away by the Engine, which cannot be told to leave that; its own, control-P and
    // control-Q, people do type.
    private const string DetachKeys = "ctrl-@,ctrl-^,ctrl-@,ctrl-_";

    private readonly string _id;
    private readonly MultiplexedStream _stream;
    private readonly ClientStreams _client;
    private readonly HandlerTools _tools;
    private readonly CancellationTokenSource _gone;

    private DockerAttachment(string id, MultiplexedStream stream, ClientStreams client, CancellationTokenSource gone, HandlerTools tools)
    {
        (_id, _stream, _client, _gone, _tools) = (id, stream, client, gone, tools);
        End = Task.Run(RunAsync);
    }

    public Task End { get; }

    /// <summary>Attaches. The Engine has the client among its readers when it answers, so no output is missed from then on.</summary>
    /// <exception cref="RuntimeException">The Engine refuses it, or a descriptor cannot be used.</exception>
    public static async Task<DockerAttachment> BeginAsync(string id, string engineId, AttachRequest request, HandlerTools tools, CancellationToken cancellationToken)
    {
        var config = (await tools.Objects.InspectAsync(engineId, cancellationToken).ConfigureAwait(false)).Config!;
        // The Engine would end the output too with an input that it does not close.
        var client = new ClientStreams(
            $"attach to container {id}", request.Stdin, request.Stdout, request.Stderr, config is { StdinOnce: true, Tty: false } ? InputEnd.Closes : InputEnd.ChangesNothing, tools.Clock);
        try
        {
            var parameters = new ContainerAttachParameters
            {
                Stream = true,
                Stdin = client.HasStdin,
                Stdout = client.HasStdout,
                Stderr = client.HasStderr && !config.Tty,
                DetachKeys = DetachKeys,
            };
            var stream = await tools.Engine.CallAsync(
                $"attach to container {id}", (c, token) => c.Containers.AttachContainerAsync(engineId, parameters, token), cancellationToken).ConfigureAwait(false);
            return new(id, stream, client, new(), tools);
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>Whether there has been output for that long that the client does not take.</summary>
    public bool WaitsSince(TimeSpan time) => _client.WaitsSince(time);

    public async Task DetachAsync(CancellationToken cancellationToken)
    {
        await _gone.CancelAsync().ConfigureAwait(false);
        await End.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task RunAsync()
    {
        // A read of the Engine's stream heeds no token: it ends with the stream.
        await using var stopping = _tools.Stopping.Register(_gone.Cancel).ConfigureAwait(false);
        await using var closing = _gone.Token.Register(_stream.Dispose).ConfigureAwait(false);
        try
        {
            await _client.CopyAsync(_stream, untilNobodyReads: true, _gone.Token).ConfigureAwait(false);
        }
        catch (Exception) when (_gone.IsCancellationRequested)
        {
            // The client has left, or the handler goes.
        }
        catch (Exception e)
        {
            _tools.Log.Write(PluginLogLevel.Warning, $"a client attached to container {_id} is cut off: {e.Message}");
        }
        finally
        {
            _stream.Dispose();
            _client.Dispose();
        }
    }
}
