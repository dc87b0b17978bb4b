//! Incidents: which are open, and how many there were.

use super::super::event::place;
use super::super::finding::{colour, severity};
use super::{Page, safe};
use crate::proto::{Event, GetStatusResponse, OpenIncident, Process};

impl Page {
    /// Nothing where there never was one.
    pub(super) fn incidents(&mut self, status: &GetStatusResponse) {
        let Some(incidents) = status.incidents.as_ref().filter(|incidents| incidents.opened > 0) else {
            return;
        };
        self.title("incidents");
        let table = incidents.table.unwrap_or_default();
        self.line(format_args!(
            "  {} open, {} opened since the start (picket watch --incidents shows them)",
            table.entries, incidents.opened
        ));
        if table.evicted > 0 {
            self.line(format_args!(
                "  {} were closed because more than {} were open",
                table.evicted, table.capacity
            ));
        }
        for incident in &incidents.open {
            self.open(incident);
        }
    }

    fn open(&mut self, incident: &OpenIncident) {
        // Of an incident of the host there is nothing to show but that.
        let event = Event {
            container: incident.container.clone(),
            process: Some(Process::default()),
            ..Event::default()
        };
        let severity_shown = self.paint.paint(colour(incident.severity()), severity(incident.severity()));
        let began = incident.began_time.unwrap_or_default();
        self.line(format_args!(
            "  {severity_shown} {} in {}: {}, findings: {}, since {began}",
            safe(&incident.title),
            place(&event),
            safe(&incident.id),
            incident.findings,
        ));
    }
}
