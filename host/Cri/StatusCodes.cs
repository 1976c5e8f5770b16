using Berth.Abstractions;
using Grpc.Core;

namespace Berth.Cri;

/// <summary>The gRPC status of each kind of failure.</summary>
internal static class StatusCodes
{
    public static StatusCode Of(RuntimeErrorCode code) => code switch
    {
        RuntimeErrorCode.InvalidArgument => StatusCode.InvalidArgument,
        RuntimeErrorCode.NotFound => StatusCode.NotFound,
        RuntimeErrorCode.AlreadyExists => StatusCode.AlreadyExists,
        RuntimeErrorCode.FailedPrecondition => StatusCode.FailedPrecondition,
        RuntimeErrorCode.PermissionDenied => StatusCode.PermissionDenied,
        RuntimeErrorCode.ResourceExhausted => StatusCode.ResourceExhausted,
        RuntimeErrorCode.NotSupported => StatusCode.Unimplemented,
        RuntimeErrorCode.Busy or RuntimeErrorCode.Unavailable => StatusCode.Unavailable,
        RuntimeErrorCode.DeadlineExceeded => StatusCode.DeadlineExceeded,
        RuntimeErrorCode.DataLoss => StatusCode.DataLoss,
        _ => StatusCode.Internal,
    };
}
