using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Berth.Tests.Support;

/// <summary>A call that hangs fails its test and not the whole run. Who sets a deadline keeps it; streams have none.</summary>
public sealed class DefaultDeadline : Interceptor
{
    private static readonly TimeSpan Limit = Patience.Of(TimeSpan.FromMinutes(2));

    /// <inheritdoc/>
    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        TRequest request, ClientInterceptorContext<TRequest, TResponse> context, AsyncUnaryCallContinuation<TRequest, TResponse> continuation) =>
        continuation(request, Bounded(context));

    /// <inheritdoc/>
    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        TRequest request, ClientInterceptorContext<TRequest, TResponse> context, BlockingUnaryCallContinuation<TRequest, TResponse> continuation) =>
        continuation(request, Bounded(context));

    private static ClientInterceptorContext<TRequest, TResponse> Bounded<TRequest, TResponse>(ClientInterceptorContext<TRequest, TResponse> context)
        where TRequest : class
        where TResponse : class =>
        context.Options.Deadline is null ? new(context.Method, context.Host, context.Options.WithDeadline(DateTime.UtcNow + Limit)) : context;
}
