// Whoever was logged in before is no longer: other pages of this browser stop following jobs.
"use strict";
live.forget();
