using System.Net;
using System.Text.Json;
using Berth.Abstractions;
using Docker.DotNet;

namespace Berth.Plugins.Docker;

/// <summary>The Docker Engine: every call to it has a limit, and every failure says what was asked.</summary>
internal sealed class Engine(DockerOptions options) : IDisposable
{
    // The oldest that is spoken here; Docker 20.10 (Debian 12) has exactly this, later ones keep it.
    public static readonly Version ApiVersion = new(1, 41);

    private const int MaxReasonLength = 2048;
    private static readonly TimeSpan CallLimit = TimeSpan.FromMinutes(2);
    private readonly DockerClient _client = new DockerClientBuilder()
        .WithEndpoint(new Uri(options.Endpoint)).WithApiVersion(ApiVersion).WithTimeout(Timeout.InfiniteTimeSpan).Build();

    public string Endpoint => options.Endpoint;

    /// <summary>Calls it.</summary>
    /// <param name="what">What is asked, for messages, such as <c>create container x</c>.</param>
    /// <param name="call">The call.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="limit">For how long; two minutes if not said.</param>
    /// <exception cref="RuntimeException">
    /// NotFound, InvalidArgument and FailedPrecondition (a conflict) as the Engine answers; Unavailable if it does not.
    /// </exception>
    public async Task<T> CallAsync<T>(
        string what, Func<DockerClient, CancellationToken, Task<T>> call, CancellationToken cancellationToken, TimeSpan? limit = null)
    {
        using var time = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        time.CancelAfter(limit ?? CallLimit);
        try
        {
            return await call(_client, time.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new RuntimeException(RuntimeErrorCode.DeadlineExceeded, $"{what}: the Docker Engine at {Endpoint} did not answer in time", e);
        }
        catch (DockerApiException e)
        {
            throw new RuntimeException(CodeOf(e.StatusCode), $"{what}: the Docker Engine says: {Reason(e)}", e);
        }
        catch (JsonException e)
        {
            throw new RuntimeException(RuntimeErrorCode.Internal, $"{what}: the Docker Engine's answer is not understood: {e.Message}", e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or TimeoutException or System.Net.Sockets.SocketException)
        {
            throw RuntimeException.Unavailable(
                $"{what}: the Docker Engine does not answer at {Endpoint}: {e.GetBaseException().Message}; start it, or install the package docker.io", e);
        }
    }

    /// <summary>The same for a call without an answer.</summary>
    public Task CallAsync(
        string what, Func<DockerClient, CancellationToken, Task> call, CancellationToken cancellationToken, TimeSpan? limit = null) =>
        CallAsync(
            what,
            async (client, token) =>
            {
                await call(client, token).ConfigureAwait(false);
                return true;
            },
            cancellationToken,
            limit);

    public void Dispose() => _client.Dispose();

    private static RuntimeErrorCode CodeOf(HttpStatusCode status) => status switch
    {
        HttpStatusCode.NotFound => RuntimeErrorCode.NotFound,
        HttpStatusCode.BadRequest => RuntimeErrorCode.InvalidArgument,
        HttpStatusCode.Conflict => RuntimeErrorCode.FailedPrecondition,
        HttpStatusCode.ServiceUnavailable => RuntimeErrorCode.Unavailable,
        _ => RuntimeErrorCode.Internal,
    };

    // {"message":"..."}
    private static string Reason(DockerApiException e)
    {
        var reason = e.ResponseBody ?? "";
        try
        {
            using var body = JsonDocument.Parse(reason);
            reason = body.RootElement.GetProperty("message").GetString() ?? reason;
        }
        catch (Exception unread) when (unread is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            reason = $"status {(int)e.StatusCode}: {reason}";
        }

        return reason.Length > MaxReasonLength ? reason[..MaxReasonLength] + "…" : reason;
    }
}
