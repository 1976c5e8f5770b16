using Berth.Abstractions;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;

namespace Berth.Cri.Wire;

/// <summary>
/// Binds CRI's services as the generated code does, with a stricter reader before each method: the generated one answers
/// "Exception was thrown by handler" to what it cannot read, and takes texts with a NUL byte, which no path, name or argument of
/// Linux can hold.
/// </summary>
public sealed class StrictBinder : ServiceBinderBase
{
    private readonly ServiceBinderBase _binder;

    private StrictBinder(ServiceBinderBase binder) => _binder = binder;

    /// <summary>Binds RuntimeService; named by an attribute on it.</summary>
    public static void Runtime(ServiceBinderBase binder, Protos.RuntimeService.RuntimeServiceBase service) =>
        Protos.RuntimeService.BindService(new StrictBinder(binder), service);

    /// <summary>Binds ImageService; named by an attribute on it.</summary>
    public static void Images(ServiceBinderBase binder, Protos.ImageService.ImageServiceBase service) =>
        Protos.ImageService.BindService(new StrictBinder(binder), service);

    /// <inheritdoc/>
    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler) =>
        _binder.AddMethod(Strict(method), handler);

    /// <inheritdoc/>
    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler) =>
        _binder.AddMethod(Strict(method), handler);

    private static Method<TRequest, TResponse> Strict<TRequest, TResponse>(Method<TRequest, TResponse> method)
        where TRequest : class
        where TResponse : class
    {
        var descriptor = ((IMessage)Activator.CreateInstance<TRequest>()).Descriptor;
        var plain = method.RequestMarshaller;
        var strict = Marshallers.Create(plain.ContextualSerializer, context => Read(context, plain, descriptor, method.Name));
        return new(method.Type, method.ServiceName, method.Name, strict, method.ResponseMarshaller);
    }

    private static T Read<T>(DeserializationContext context, Marshaller<T> plain, MessageDescriptor descriptor, string method)
    {
        try
        {
            WireText.RefuseNul(context.PayloadAsReadOnlySequence(), descriptor);
            return plain.ContextualDeserializer(context);
        }
        catch (InvalidProtocolBufferException e)
        {
            var fault = WireText.Explain(context.PayloadAsReadOnlySequence(), descriptor) ?? e.Message;
            throw new RpcException(new(StatusCode.InvalidArgument, $"{method}: {fault}"));
        }
        catch (RuntimeException e)
        {
            // This is before the interceptor, which would have made a status of it.
            throw new RpcException(new(StatusCode.InvalidArgument, $"{method}: {e.Message}"));
        }
    }
}
