using Google.Protobuf.Reflection;
using Grpc.Core;

namespace Berth.Tests.Support;

/// <summary>Calls of any method with any bytes: what a client of our own types could not send.</summary>
public sealed class RawCalls(CallInvoker invoker)
{
    private static readonly Marshaller<byte[]> Bytes = Marshallers.Create(static bytes => bytes, static bytes => bytes);

    /// <summary>The status of the answer, and the last message of it.</summary>
    /// <param name="method">The method.</param>
    /// <param name="request">The message as it goes over the wire.</param>
    /// <param name="limit">The caller's deadline.</param>
    public async Task<(Status Status, byte[]? Answer)> AskAsync(MethodDescriptor method, byte[] request, TimeSpan limit)
    {
        var options = new CallOptions(deadline: DateTime.UtcNow + limit);
        var kind = method.IsServerStreaming ? MethodType.ServerStreaming : MethodType.Unary;
        var raw = new Method<byte[], byte[]>(kind, method.Service.FullName, method.Name, Bytes, Bytes);
        try
        {
            if (!method.IsServerStreaming)
            {
                return (Status.DefaultSuccess, await invoker.AsyncUnaryCall(raw, null, options, request));
            }

            byte[]? last = null;
            using var call = invoker.AsyncServerStreamingCall(raw, null, options, request);
            while (await call.ResponseStream.MoveNext(CancellationToken.None))
            {
                last = call.ResponseStream.Current;
            }

            return (Status.DefaultSuccess, last);
        }
        catch (RpcException e)
        {
            return (e.Status, null);
        }
    }
}
