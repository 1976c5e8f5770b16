using System.Diagnostics;
using Berth.Abstractions;
using Berth.Cri.Mapping;
using Berth.Metrics;
using Berth.Sandboxes;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Berth.Cri;

/// <summary>
/// The one place that every call passes: it times the call, traces it, writes its log line, counts it, and turns a failure into a
/// gRPC status. Whatever is thrown beneath it, the caller gets a code that it can act on and a message that says what failed.
/// </summary>
/// <param name="logger">Gets one line per call.</param>
/// <param name="clock">Tells whether a call was cancelled by its deadline.</param>
/// <param name="podOf">The pod that a request or a response is about; null for none.</param>
/// <param name="record">Counts a call: its name, the status code and the time that it took.</param>
public sealed class CriInterceptor(ILogger<CriInterceptor> logger, TimeProvider clock, Func<object, Sandbox?> podOf, Action<string, string, TimeSpan> record) : Interceptor
{
    // Trailers are headers of HTTP/2; clients bound their size, and each character outside ASCII takes up to nine there.
    private const int MaxDetail = 4096;
    private const string TraceCode = "rpc.grpc.status_code";

    /// <inheritdoc/>
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        var call = Begin(request, context);
        try
        {
            var response = await continuation(request, context);
            // The pod of RunPodSandbox is known at its end; that of a removal at its beginning.
            Succeeded(call.Handler is null && podOf(response) is { } pod ? Of(call, pod) : call);
            return response;
        }
        catch (Exception e)
        {
            throw Failed(call, context, e);
        }
    }

    /// <inheritdoc/>
    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        var call = Begin(request, context);
        try
        {
            await continuation(request, responseStream, context);
            Succeeded(call);
        }
        catch (Exception e)
        {
            throw Failed(call, context, e);
        }
    }

    private Call Begin(object request, ServerCallContext context)
    {
        var method = context.Method[(context.Method.LastIndexOf('/') + 1)..];
        var subject = CallSubject.Of(request);
        var call = new Call(method, subject, null, Stopwatch.GetTimestamp(), BerthTraces.StartRpc(method, subject, context.RequestHeaders.GetValue("traceparent")));
        return podOf(request) is { } pod ? Of(call, pod) : call;
    }

    private static Call Of(Call call, Sandbox pod)
    {
        BerthTraces.Chosen(call.Trace, pod.Handler, pod.HandlerReason);
        return call with { Handler = pod.Handler };
    }

    private void Succeeded(Call call)
    {
        var elapsed = call.Elapsed;
        record(call.Method, nameof(StatusCode.OK), elapsed);
        call.Trace?.SetTag(TraceCode, (int)StatusCode.OK).Dispose();
        var level = CallVerbosity.LevelOf(call.Method);
        logger.Succeeded(level, call.Method, call.Subject, call.On, elapsed.TotalMilliseconds);
    }

    private RpcException Failed(Call call, ServerCallContext context, Exception exception)
    {
        var status = StatusOf(call, context, exception);
        var elapsed = call.Elapsed;
        record(call.Method, status.StatusCode.ToString(), elapsed);
        call.Trace?.SetTag(TraceCode, (int)status.StatusCode).SetStatus(ActivityStatusCode.Error, status.Detail).Dispose();
        if (status.StatusCode == StatusCode.Internal)
        {
            logger.Broke(call.Method, call.Subject, call.On, elapsed.TotalMilliseconds, exception);
        }
        else
        {
            var level = CallVerbosity.LevelOfFailure(call.Method, status.StatusCode);
            logger.Failed(level, call.Method, call.Subject, call.On, elapsed.TotalMilliseconds, status.StatusCode, status.Detail);
        }

        return new(status);
    }

    private Status StatusOf(Call call, ServerCallContext context, Exception exception) => exception switch
    {
        RuntimeException e => new(StatusCodes.Of(e.Code), Field.OneLine(e.Message, MaxDetail)),
        RpcException { StatusCode: StatusCode.Unimplemented } => new(StatusCode.Unimplemented, $"{call.Method} is not served by this version of Berth"),
        RpcException e => e.Status,
        OperationCanceledException when HasExpired(context) => new(StatusCode.DeadlineExceeded, $"{call.Method} took longer than the caller's deadline"),
        OperationCanceledException when context.CancellationToken.IsCancellationRequested => new(StatusCode.Cancelled, $"{call.Method} was cancelled by the caller"),
        _ => new(StatusCode.Internal, Field.OneLine($"{call.Method} failed: {exception.Message}", MaxDetail)),
    };

    // The server answers by itself when the timer of the deadline fires, which may be a moment before the clock gets there.
    private bool HasExpired(ServerCallContext context) =>
        context.CancellationToken.IsCancellationRequested
        && (context.Status.StatusCode == StatusCode.DeadlineExceeded || clock.GetUtcNow().UtcDateTime >= context.Deadline);

    private readonly record struct Call(string Method, string Subject, string? Handler, long Started, Activity? Trace)
    {
        public string On => Handler is null ? "" : $" on {Handler}";

        public TimeSpan Elapsed => Stopwatch.GetElapsedTime(Started);
    }
}
