from openai_scan.relay.asgi_app import (
    asgi as asgi,
)
from openai_scan.relay.core import (
    Relay as Relay,
)
from openai_scan.relay.core import (
    Started as Started,
)
from openai_scan.relay.errors import (
    FencedError as FencedError,
)
from openai_scan.relay.errors import (
    LimitError as LimitError,
)
from openai_scan.relay.errors import (
    LogLostError as LogLostError,
)
from openai_scan.relay.errors import (
    RelayError as RelayError,
)
from openai_scan.relay.errors import (
    UnavailableError as UnavailableError,
)
from openai_scan.relay.errors import (
    UnknownStreamError as UnknownStreamError,
)
from openai_scan.relay.log import (
    Job as Job,
)
from openai_scan.relay.log import (
    Log as Log,
)
from openai_scan.relay.memory_log import (
    MemoryLog as MemoryLog,
)
from openai_scan.relay.reading import (
    Reading as Reading,
)
from openai_scan.relay.redis_log import (
    RedisLog as RedisLog,
)
from openai_scan.relay.serving import (
    close_on_signals as close_on_signals,
)
from openai_scan.relay.sql_log import (
    SqlLog as SqlLog,
)
from openai_scan.relay.sql_store import (
    SqlStore as SqlStore,
)
from openai_scan.relay.store import (
    Limits as Limits,
)
from openai_scan.relay.store import (
    NewMessage as NewMessage,
)
from openai_scan.relay.store import (
    Store as Store,
)
from openai_scan.relay.store import (
    StoredMessage as StoredMessage,
)
from openai_scan.relay.upstream import (
    ChatUpstream as ChatUpstream,
)
from openai_scan.relay.upstream import (
    Question as Question,
)
from openai_scan.relay.upstream import (
    ResponsesUpstream as ResponsesUpstream,
)
from openai_scan.relay.upstream import (
    Upstream as Upstream,
)
from openai_scan.relay.urls import (
    open_log as open_log,
)
from openai_scan.relay.wsgi_app import (
    wsgi as wsgi,
)
