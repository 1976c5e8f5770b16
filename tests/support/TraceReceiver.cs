using System.Collections.Concurrent;
using System.Net;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Berth.Tests.Support;

/// <summary>A span as it arrived.</summary>
public sealed record ReceivedSpan(string Trace, string Id, string Parent, string Name, ulong Start, ulong End, IReadOnlyDictionary<string, string> Tags, int Status);

/// <summary>
/// A small collector of traces on loopback, for OTLP by gRPC and by HTTP. It knows of opentelemetry/proto/trace/v1/trace.proto
/// the few fields that the tests look at.
/// </summary>
public sealed class TraceReceiver : IAsyncDisposable
{
    private readonly WebApplication _server;

    private TraceReceiver(WebApplication server) => _server = server;

    public ConcurrentQueue<ReceivedSpan> Spans { get; } = new();

    public Uri Address => new(_server.Urls.Single());

    /// <param name="grpc">Speaks HTTP/2 alone, as gRPC without TLS needs it.</param>
    public static async Task<TraceReceiver> StartAsync(bool grpc)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = grpc ? HttpProtocols.Http2 : HttpProtocols.Http1));
        var receiver = new TraceReceiver(builder.Build());
        receiver._server.MapPost("/v1/traces", receiver.OverHttpAsync);
        receiver._server.MapPost("/opentelemetry.proto.collector.trace.v1.TraceService/Export", receiver.OverGrpcAsync);
        await receiver._server.StartAsync();
        return receiver;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private async Task OverHttpAsync(HttpContext context)
    {
        Take(await BodyAsync(context.Request));
        context.Response.ContentType = "application/x-protobuf";
    }

    private async Task OverGrpcAsync(HttpContext context)
    {
        // A byte for compression and four for the length stand before the message.
        const int Prefix = 5;
        Take((await BodyAsync(context.Request))[Prefix..]);
        context.Response.ContentType = "application/grpc";
        context.Response.DeclareTrailer("grpc-status");
        await context.Response.Body.WriteAsync(new byte[Prefix]);
        context.Response.AppendTrailer("grpc-status", "0");
    }

    private static async Task<byte[]> BodyAsync(HttpRequest request)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body);
        return body.ToArray();
    }

    // ExportTraceServiceRequest 1: ResourceSpans 2: ScopeSpans 2: Span
    private void Take(byte[] request)
    {
        foreach (var span in Messages(request, 1).SelectMany(static r => Messages(r, 2)).SelectMany(static s => Messages(s, 2)))
        {
            Spans.Enqueue(Parse(span));
        }
    }

    private static ReceivedSpan Parse(byte[] span)
    {
        var tags = Messages(span, 9).ToDictionary(static t => Text(t, 1), static t => Text(Messages(t, 2).Single(), 1));
        var status = Messages(span, 15).SelectMany(static s => Fields(s)).Where(static f => f.Number == 3).Select(static f => (int)f.Value).FirstOrDefault();
        return new(Hex(span, 1), Hex(span, 2), Hex(span, 4), Text(span, 5), Number(span, 7), Number(span, 8), tags, status);
    }

    private static string Hex(byte[] message, int number) => Messages(message, number).Select(static b => Convert.ToHexStringLower(b)).FirstOrDefault() ?? "";

    private static string Text(byte[] message, int number) => Messages(message, number).Select(System.Text.Encoding.UTF8.GetString).FirstOrDefault() ?? "";

    private static ulong Number(byte[] message, int number) => Fields(message).Single(f => f.Number == number).Value;

    private static IEnumerable<byte[]> Messages(byte[] message, int number) =>
        Fields(message).Where(f => f.Number == number).Select(static f => f.Bytes);

    private static List<(int Number, ulong Value, byte[] Bytes)> Fields(byte[] message)
    {
        var fields = new List<(int, ulong, byte[])>();
        var input = new CodedInputStream(message);
        for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            var number = WireFormat.GetTagFieldNumber(tag);
            fields.Add(WireFormat.GetTagWireType(tag) switch
            {
                WireFormat.WireType.Varint => (number, input.ReadUInt64(), []),
                WireFormat.WireType.Fixed64 => (number, input.ReadFixed64(), []),
                WireFormat.WireType.Fixed32 => (number, input.ReadFixed32(), []),
                _ => (number, 0, input.ReadBytes().ToByteArray()),
            });
        }

        return fields;
    }
}
