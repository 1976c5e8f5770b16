using System.Net;
using Berth.Abstractions;
using Berth.Images.Layers;

namespace Berth.Images.Registries;

/// <summary>A download that goes on where it broke off, and never passes on more bytes than the manifest allows.</summary>
internal sealed class BlobStream(EndpointClient client, string path, Digest digest, long sizeBytes, HttpResponseMessage response, DownloadContext context)
    : ReadOnlyStream
{
    private const int MostBreaks = 8;

    // Breaks without so much between them count together; a connection that is cut again and again still gets a large layer through.
    private const long Headway = 1024 * 1024;

    // Each is many seconds of nothing at all.
    private const int MostSilences = 3;

    private HttpResponseMessage? _response = response;
    private Stream? _body;
    private long _position;
    private long _lastBreak;
    private int _breaks, _silences;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            try
            {
                _body ??= await OpenBodyAsync(cancellationToken);
                var part = buffer.Length <= context.Bandwidth.Most ? buffer : buffer[..context.Bandwidth.Most];
                var count = await context.Stall.RunAsync(token => _body.ReadAsync(part, token), cancellationToken);
                await context.Bandwidth.TakeAsync(count, cancellationToken);
                _position += count;
                _silences = 0;
                context.Progress.Of(digest)?.Reached(Math.Min(_position, sizeBytes), client.Endpoint.Host);
                return _position <= sizeBytes ? count : throw new RuntimeException(
                    RuntimeErrorCode.DataLoss, $"registry {client.Endpoint.Host} sends more than the {sizeBytes} bytes that {digest} has");
            }
            catch (Exception e) when (IsBreak(e) && !cancellationToken.IsCancellationRequested)
            {
                await BreakAsync(e, cancellationToken);
            }
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Drop();
        }

        base.Dispose(disposing);
    }

    private static bool IsBreak(Exception e) =>
        e is HttpRequestException or IOException or TimeoutException or RuntimeException { Code: RuntimeErrorCode.Unavailable };

    private async Task BreakAsync(Exception reason, CancellationToken cancellationToken)
    {
        Drop();
        _breaks = _position - _lastBreak >= Headway ? 1 : _breaks + 1;
        _silences += reason is TimeoutException or { InnerException: TimeoutException } ? 1 : 0;
        _lastBreak = _position;
        if (_breaks > MostBreaks || _silences >= MostSilences)
        {
            throw RuntimeException.Unavailable(
                $"layer {digest} stopped at byte {_position} of {sizeBytes} from registry {client.Endpoint.Host} ({reason.Message}), and did not go on in {Math.Max(_breaks, _silences)} tries; look at the way to it, and pull again", reason);
        }

        context.Logger.DownloadResumed(digest.Value, client.Endpoint.Host, _position, sizeBytes, reason.Message);
        await Task.Delay(Backoff.After(_breaks), context.Time, cancellationToken);
    }

    private async Task<Stream> OpenBodyAsync(CancellationToken cancellationToken)
    {
        _response ??= await client.SendAsync(HttpMethod.Get, path, manifest: false, _position, cancellationToken);
        if (_response.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.PartialContent))
        {
            throw await RegistryError.FromAsync(_response, client.Endpoint.Host, digest.Value, client.Transport, cancellationToken);
        }

        var body = await _response.Content.ReadAsStreamAsync(cancellationToken);
        var start = _response.StatusCode == HttpStatusCode.PartialContent ? _response.Content.Headers.ContentRange?.From ?? 0 : 0;
        if (start > _position)
        {
            throw RuntimeException.Unavailable($"registry {client.Endpoint.Host} gives {digest} from byte {start} where {_position} was asked for");
        }

        await SkipAsync(body, _position - start, cancellationToken);
        return body;
    }

    // A server that knows no ranges begins anew.
    private async Task SkipAsync(Stream body, long count, CancellationToken cancellationToken)
    {
        var buffer = new byte[(int)Math.Min(count, 64 * 1024)];
        while (count > 0)
        {
            var read = await context.Stall.RunAsync(token => body.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, count)), token), cancellationToken);
            count -= read > 0 ? read : throw new HttpIOException(HttpRequestError.ResponseEnded, "the server ended before the place where it broke off");
        }
    }

    private void Drop()
    {
        _response?.Dispose();
        (_response, _body) = (null, null);
    }
}
