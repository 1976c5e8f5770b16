using System.Runtime.InteropServices;

namespace Berth.Linux;

/// <summary>struct epoll_event, which is packed on x86_64 only; see epoll_ctl(2) and the kernel's eventpoll.h.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
internal struct EpollEvent
{
    public uint Events;
    public ulong Key;
}
